from meshnode.tree import Tree
from meshward.records import NodeRecord, TreeNode, node_records, tree_of

#: 7 - (1 - (2, 3), 4)
TREE = Tree([7, 1, 2, 3, 4], [0, 1, 2, 2, 1], roots=(1,), authorities=(4,))


def test_each_node_has_its_place():
    assert node_records(TREE) == [
        NodeRecord(7, None, 0, (1, 4), root=False, time_authority=False),
        NodeRecord(1, 7, 1, (2, 3), root=True, time_authority=False),
        NodeRecord(2, 1, 2, (), root=False, time_authority=False),
        NodeRecord(3, 1, 2, (), root=False, time_authority=False),
        NodeRecord(4, 7, 1, (), root=False, time_authority=True),
    ]


def test_the_typed_tree_says_the_same_as_painlessmesh_writes():
    tree = tree_of(node_records(TREE))
    assert tree.as_dict() == TREE.nested()
    assert tree.size == 5
    assert tree.subs[0] == TreeNode(1, (TreeNode(2), TreeNode(3)), root=True, size=3)


def test_the_deepest_chain_a_mesh_can_carry_is_no_trouble():
    chain = Tree(list(range(1, 129)), list(range(128)))
    tree = tree_of(node_records(chain))
    assert tree.as_dict() == chain.nested()
    assert repr(tree)
    assert tree == tree_of(node_records(chain))
